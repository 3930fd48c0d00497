/* JSON for people: objects and lists that fit stay on one line, longer ones get a line a member. */
#ifndef SIGNSGD_CMD_UI_PRETTY_H
#define SIGNSGD_CMD_UI_PRETTY_H

#include <stdio.h>

/* `text` is JSON that the program wrote. Every line but the first begins with `indent` spaces; no final line
 * end. */
void pretty_print(FILE *f, int indent, const char *text);

#endif
