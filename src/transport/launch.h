/*
 * Was this process started by MPI's launcher? The environment alone answers, without any library, so that a
 * program that was built without MPI can say so.
 *
 * Known launchers are mpirun and mpiexec of Open MPI, of MPICH and its descendants, and Slurm's srun. Where a
 * launcher tells a process its rank, but not how many processes there are, the answer is one process until
 * MPI itself is asked.
 */
#ifndef SIGNSGD_TRANSPORT_LAUNCH_H
#define SIGNSGD_TRANSPORT_LAUNCH_H

/* Processes that the launcher started together, this one included; 0: there is no launcher. */
int mpi_launched(void);

/* This process's number among them, from 0; 0 where it is not known. */
int mpi_launched_rank(void);

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

#endif
