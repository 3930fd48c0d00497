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
 * How many of them share this machine's cores, this one included; 1 where it is not known (srun binds each
 * process to cores of its own).
 */
int mpi_launched_here(void);

#endif
