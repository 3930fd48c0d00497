/*
 * What a process knows of the others that MPI's launcher started with it: for the transport mpi, and for
 * whatever else runs as one job. The environment alone answers, without any library, so that a program that
 * was built without MPI can say so, and one that was not launched never loads MPI. Only a broadcast needs it.
 *
 * Known launchers are mpirun and mpiexec of Open MPI, of MPICH and its descendants, and Slurm's srun. Where a
 * launcher tells a process its rank, but not how many processes there are, the answer is one process until
 * MPI itself is asked.
 */
#ifndef SIGNSGD_TRANSPORT_LAUNCH_H
#define SIGNSGD_TRANSPORT_LAUNCH_H

#include <stddef.h>
#include "base/err.h"

/* Processes that the launcher started together, this one included; 0: there is no launcher. */
int mpi_launched(void);

/* This process's number among them, from 0; 0 where it is not known. */
int mpi_launched_rank(void);

/* Its number among those on this machine, from 0: which of the machine's devices is its own; 0 where it is
 * not known. SIGNSGD_LOCAL_RANK, which `train` gives to processes that it starts, goes before a launcher's.
 */
int mpi_launched_rank_here(void);

/*
 * How many processes share the cores that this one may use, this one included; 1 where it is not known. Those
 * that the launcher has bound to other cores do not count; tasks of srun do, also where they are not one job
 * of MPI's.
 */
int mpi_launched_here(void);

/*
 * Tasks that srun started together, but without the MPI plugin by which they would find each other (its --mpi
 * is none): each is alone. 0: not so. *number: this one's among them, from 0.
 */
int mpi_launched_apart(int *number);

/*
 * Bytes of process 0 to all processes of the job; all must call it. Opens MPI's module (transport/mpi_row.h)
 * if it is not open. From the first call on, a process that ends with an exit code other than 0 ends the
 * others too. -1 and a sentence.
 */
int mpi_launched_broadcast(void *at, size_t bytes, struct err *e);

/* This process fails with this exit code: ends the others, which may wait for it in MPI. */
void mpi_launched_fail(int code);

#endif
