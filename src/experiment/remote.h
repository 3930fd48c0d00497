/*
 * Settings that go to other processes, and those that come from one. They travel as JSON, without paths and
 * without what changes no result. An `init` that reads a file becomes the model's own, because the parameters
 * travel too. The receiver trusts the sender with what is computed and with nothing else.
 */
#ifndef SIGNSGD_EXPERIMENT_REMOTE_H
#define SIGNSGD_EXPERIMENT_REMOTE_H

#include "data/dataset.h"
#include "experiment/experiment.h"

/* As another process may have them, and which data they are for here. Free with buf_clear(). */
void settings_remote(const struct settings *s, const char *data_id, struct buf *out);

/*
 * Read what another process sent, as strictly as a file, with changes of our own that may say paths and
 * nothing else. -1 and a sentence: what a file may not have either, a path, more than one run, something that
 * settings_remote() would have written otherwise. No file is looked for before all that is known. `foreign`:
 * the sender is on another machine, and settings_check_names() holds too. data_id: what the sender says of
 * its data, "" where it says nothing. Free with runs_clear().
 */
int experiment_remote(struct runs *out, char data_id[DATA_ID_SIZE], const char *source, const char *text,
                      bool foreign, const struct change *changes, size_t n_changes, struct err *e);

/* Do the settings name files (of texts) by plain names, so that another machine may be sent them? -1 and a
 * sentence that begins with `source`. */
int settings_check_names(const struct settings *s, const char *source, struct err *e);

#endif
