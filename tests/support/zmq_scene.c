#include "tests/support/zmq_scene.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"

enum { WORKERS = 3, PAUSE_US = 2000, SLOWER_AFTER = 512 };

void scene_open(struct scene *s, enum endpoint_trust trust, size_t n, const char *row)
{
	memset(s, 0, sizeof *s);
	toy_open(&s->toy, WORKERS, TOY_STEPS_MOST, n, "vote");
	s->toy.zeros = SCENE_BYZANTINE;
	for (int i = 0; i < 2; i++) {
		s->clients[i] = (struct toy_client){.count = 1, .first = i, .fail_at = -1};
		toy_client_start(&s->toy, s->clients, i, trust);
	}
	toy_server_open(&s->server, &s->toy, trust, "tcp://127.0.0.1:*", row);
	snprintf(s->address, sizeof s->address, "%s", zmq_server_address(s->server.link.self));
	if (trust == ENDPOINT_KEYS) {
		s->own = keyring_find(&s->server.ring, KEYRING_SERVER);
		s->key = keyring_worker(&s->server.ring, SCENE_BYZANTINE);
	}
	struct err e = {0};
	s->server.link.row->sync(s->server.link.self, &s->server.state.st, &e);
}

void scene_tell_clients(struct scene *s)
{
	for (int i = 0; i < 2; i++)
		toy_client_tell(&s->clients[i], s->address,
		                s->server.endpoint.trust == ENDPOINT_OPEN ? NULL : &s->server.ring);
}

void scene_meet(struct scene *s)
{
	toy_server_listen(&s->server);
	scene_tell_clients(s);
	toy_server_meet(&s->server, 0, SCENE_BYZANTINE);
}

void scene_run(struct scene *s, void *(*attack)(void *))
{
	pthread_t thread;
	struct err e = {0};
	cr_assert_eq(pthread_create(&thread, NULL, attack, s), 0);
	for (int more = 5; more > 0; more -= atomic_load(&s->told)) {
		cr_assert_eq(toy_server_step(&s->server, 0, &e), EXCHANGE_DONE, "%s", e.text);
		cr_assert_lt(s->server.state.st.step, TOY_STEPS_MOST - 10,
		             "the Byzantine worker is never done");
		atomic_fetch_add(&s->steps, 1);
		for (int until = atomic_load(&s->said) + s->a_round;
		     atomic_load(&s->said) < until && !atomic_load(&s->told);)
			server_serve(s->server.link.self, 1);
		/* Slower and slower, until it follows however little of the machine it has. */
		usleep(PAUSE_US << s->server.state.st.step / SLOWER_AFTER);
	}
	pthread_join(thread, NULL);
}

void scene_close(struct scene *s)
{
	int steps = (int)s->server.state.st.step;
	uint64_t hash, wanted;
	float *want = mem_array(s->toy.n, sizeof *want);
	s->server.link.row->leave(s->server.link.self, true, "done");
	for (int k = 0; k < steps; k++)
		cr_assert(s->server.born[k][0] == 0 && s->server.born[k][1] == 0,
		          "an honest worker was not counted in step %d", k);
	toy_replay(&s->toy, steps, s->server.born, want);
	wanted = hash_words(0, want, s->toy.n * sizeof *want);
	cr_assert_eq(memcmp(want, s->server.state.x, s->toy.n * sizeof *want), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(toy_client_end(&s->clients[i], &hash), 0);
		cr_assert_eq(hash, wanted, "client %d's x is another", i);
	}
	toy_server_close(&s->server);
	toy_close(&s->toy);
	mem_free(want);
}

uint64_t scene_faults(struct scene *s, const char *kind)
{
	return toy_server_fault(&s->server, SCENE_BYZANTINE, kind);
}
