/* What is at a run's path already: see run_place.h. */
#include "train/run_place.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "h5/h5_replace.h"
#include "record/record.h"
#include "train/checkpoint.h"

enum { PATH_SIZE = 4096 };

/* The result at the path is ours. Is it this run's? */
static int look_inside(struct run_place *p, const char *id, const struct run_options *o, struct err *e)
{
	struct run_info info;
	if (record_info(p->path, &info, e))
		return -1;
	if (strcmp(info.id, id) != 0)
		return err_user(e,
		                "%s: holds another run, with other settings (found id %s, expected %s); "
		                "choose another --out, or --overwrite",
		                o->path, info.id, id);
	bool ended = strcmp(info.state, run_state_name(RUN_FINISHED)) == 0 ||
	             strcmp(info.state, run_state_name(RUN_DIVERGED)) == 0;
	p->present = ended ? RUN_PRESENT_FINISHED : RUN_PRESENT_UNFINISHED;
	p->kept = info.steps_done;
	return 0;
}

/* The run will write its checkpoint there, and remove it at its end. */
static int look_beside(struct run_place *p, struct err *e)
{
	char path[PATH_SIZE];
	checkpoint_path(p->path, path, sizeof path);
	if (h5_may_replace(path, H5_CHECKPOINT, &p->checkpoint, e) < 0)
		return err_prefix(e, "the run's checkpoint would be written to this file");
	return 0;
}

int run_place_look(struct run_place *p, const char *id, const struct run_options *o, struct err *e)
{
	*p = (struct run_place){.present = RUN_PRESENT_NOTHING};
	int there = h5_may_replace(o->path, H5_RESULT, &p->path, e);
	if (there < 0)
		return -1;
	if (!there && o->resume)
		return err_user(e, "%s: nothing to resume: %s", o->path, strerror(ENOENT));
	if (there && !o->overwrite && look_inside(p, id, o, e))
		return -1;
	return p->present == RUN_PRESENT_FINISHED ? 0 : look_beside(p, e);
}

void run_place_clear(struct run_place *p)
{
	mem_free(p->path);
	mem_free(p->checkpoint);
}
