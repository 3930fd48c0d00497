/* For tests of data sets `imagefolder`: a folder of images below data_help_folder, its pack, and training on
 * them. */
#ifndef SIGNSGD_TESTS_SUPPORT_IMAGE_FOLDER_H
#define SIGNSGD_TESTS_SUPPORT_IMAGE_FOLDER_H

#include "data/image/image_set.h"
#include "tests/support/bitmap_files.h"
#include "tests/support/data_help.h"

/* Of each class: training and validation images. SIZE: side of the samples. */
enum { CLASSES = 3, TRAIN_FILES = 7, VAL_FILES = 4, SIZE = 12 };

/* Write FOLDER/REST; frees its bytes. The path is in the arena, as all that follow. */
char *image_folder_put(const char *rest, struct made m);

/* Images of many sizes and kinds: FOLDER/set/{train,val}/{ape,bee,cow}, and a text. */
void image_folder_make(void);

/* FOLDER/set as a pack, FOLDER/REST. */
char *image_folder_pack(const char *rest);

/* The loaded data set; more: further keys, ",\"readers\":5". dataset_clear() it. */
struct dataset image_folder_open(const char *dir, const char *more);

/* An experiment of 12 steps on that folder or pack. */
char *image_folder_experiment(const char *dir, const char *more);

/* Train until a step fails: -1 and its sentence; or to the end. */
int image_folder_train(const char *text, struct err *e);

#endif
