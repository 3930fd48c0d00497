/*
 * Was this process started by MPI's launcher? The environment tells, without a library; so a program that was
 * built without MPI can say so.
 *
 * Known launchers are mpirun and mpiexec of Open MPI and of MPICH and its descendants, and Slurm's srun. If a
 * launcher sets a rank but no number of processes, this counts as one process until MPI itself is asked.
 */
#ifndef SIGNSGD_TRANSPORT_LAUNCH_H
#define SIGNSGD_TRANSPORT_LAUNCH_H

/* Number of processes that the launcher started together; 0: there is no launcher. */
int mpi_launched(void);

/* This process's rank; 0 if unknown. */
int mpi_launched_rank(void);

/* Number of these processes that share this machine's cores, with this one; 1 if unknown (srun binds each
 * process to its own cores). */
int mpi_launched_here(void);

#endif
