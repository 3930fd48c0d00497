/*
 * Was this process started by MPI's launcher? Read from the environment alone: no library is needed, so the
 * program can also say that it was built without one.
 *
 * Known are mpirun and mpiexec of Open MPI, MPICH and what descends from it, and Slurm's srun. A launcher
 * that tells a process its rank, and not how many there are, counts as one process until MPI itself is asked.
 */
#ifndef SIGNSGD_TRANSPORT_LAUNCH_H
#define SIGNSGD_TRANSPORT_LAUNCH_H

/* Processes that the launcher started together, this one among them; 0: there is no launcher. */
int mpi_launched(void);

/* This process's number among them, from 0; 0 where it is not known. */
int mpi_launched_rank(void);

/* Those among them that share this machine's cores, this one counted; 1 where it is not known (srun binds
 * each process to cores of its own). */
int mpi_launched_here(void);

#endif
