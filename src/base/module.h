/*
 * Modules: shared objects of the program's own, for what needs a large foreign library that most commands do
 * without. A module is opened when it is needed and stays open as long as the process lives.
 *
 * Program and module talk through tables. The module shows its table, named `signsgd_module_NAME`, whose
 * first member is a struct module_head, those of its parts, and no other symbol. It calls back the few
 * functions of the program that it uses; the build finds out which these are, and the program exports those
 * and no others (mk/exports.sh).
 */
#ifndef SIGNSGD_BASE_MODULE_H
#define SIGNSGD_BASE_MODULE_H

#include "base/err.h"

/* What a module's table begins with. */
struct module_head {
	const char *version, *commit; /* of the sources: see base/version.h */
};

/* In a module's file: put its table into the list of what it shows. */
#define MODULE_TABLE __attribute__((visibility("default")))

/*
 * The table of the module `name`, which begins with a struct module_head; NULL and a sentence if the file
 * signsgd-NAME.so is not there, cannot be opened, or was built from other sources than the program. It is
 * looked for in the folder that $SIGNSGD_MODULES names; without that beside the program, where a build puts
 * it, and where `make install` does. Call it from one thread at a time.
 */
const void *module_open(const char *name, struct err *e);
/* Likewise another table of the same file: `signsgd_module_TABLE` of signsgd-NAME.so. */
const void *module_part(const char *name, const char *table, struct err *e);

#endif
