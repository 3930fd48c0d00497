/*
 * The majority, bit-sliced: votes are never unpacked. The counts of the 64 coordinates of a word are stored
 * in planes: bit i of plane k is bit k of coordinate i's count. A full adder on whole vectors, two or five
 * instructions, adds two votes into plane k; its carry has the weight of plane k + 1. A tree of full adders
 * (carry-save, as in Harley and Seal's population count) adds sixteen votes with fifteen adders and one
 * ripple into the planes above. The count is then compared with M / 2, one step for each plane.
 *
 * Minuses are counted: with M votes, V < 0 where minuses > M / 2, and V = 0 where minuses = M / 2. Where
 * votes can abstain, each is counted as two: (vote and not abstain) and (vote or abstain). A minus adds 2, an
 * abstention 1, a plus 0, so V is negative, zero or positive where the count is above, at or below M, and the
 * same adders serve with 2 M votes.
 *
 * Order of reading: first M modulo 16 votes, then sixteen votes at a time, each over a tile of 16 KiB.
 * Prefetchers follow about sixteen streams; shorter tiles would make them start over too often. Votes that
 * come from memory are better read stream by stream, so the next sixteen tiles are prefetched in that order
 * while these are added.
 */

enum {
	GROUP = 16,
	LOW_PLANES = 4,   /* log2 GROUP: of the count modulo 16 */
	HIGH_PLANES = 16, /* counts below 2^20 */
	TILE_WORDS = 2048,
	TILE_VECTORS = TILE_WORDS / LANES_64,
	LINE_WORDS = 8,         /* of a cache line */
	FAR_WORDS = 1024 * 1024 /* more than the caches of one core hold */
};

/* The votes from some number on. Doubled votes are pairs; a list begins with the first of a pair. */
struct list {
	const uint64_t *const *vote, *const *abstain;
	bool abstains;
};

struct race {
	struct list votes;
	size_t count;        /* of votes, doubled if there are abstain planes */
	bool ties;           /* a tie is possible */
	bool far;            /* the votes come from memory */
	uint64_t more, half; /* counts that say minus, or a tie at least */
};

/* The planes of one vector's count modulo 16. */
struct low_planes {
	vword plane[LOW_PLANES];
};

struct tile {
	vword low[TILE_VECTORS][LOW_PLANES];
	vword high[HIGH_PLANES][TILE_VECTORS];
};

/* Where the count is at least `more`, and at least `half`. */
struct standing {
	vword more, half;
};

INLINE struct list list_from(struct list l, size_t j)
{
	size_t behind = l.abstains ? j / 2 : j;
	return (struct list){l.vote + behind, l.abstains ? l.abstain + behind : NULL, l.abstains};
}

/* Vote j of the list, the vector at word w. */
INLINE vword vote_at(struct list l, size_t j, size_t w)
{
	if (!l.abstains)
		return load_words(l.vote[j] + w);
	vword vote = load_words(l.vote[j / 2] + w), abstain = load_words(l.abstain[j / 2] + w);
	return j % 2 ? vote | abstain : vote & ~abstain;
}

/* *sum += a + b; the return value is the carry. */
INLINE vword full_add(vword *sum, vword a, vword b)
{
	vword carry = word_majority(*sum, a, b);
	*sum = word_xor3(*sum, a, b);
	return carry;
}

/* Add votes j .. j + 1, 3, 7, 15; the carry that comes back has weight 2, 4, 8, 16. */
INLINE vword add_2(struct low_planes *c, struct list l, size_t j, size_t w)
{
	return full_add(&c->plane[0], vote_at(l, j, w), vote_at(l, j + 1, w));
}

INLINE vword add_4(struct low_planes *c, struct list l, size_t j, size_t w)
{
	vword one = add_2(c, l, j, w), two = add_2(c, l, j + 2, w);
	return full_add(&c->plane[1], one, two);
}

INLINE vword add_8(struct low_planes *c, struct list l, size_t j, size_t w)
{
	vword one = add_4(c, l, j, w), two = add_4(c, l, j + 4, w);
	return full_add(&c->plane[2], one, two);
}

INLINE vword add_16(struct low_planes *c, struct list l, size_t w)
{
	vword one = add_8(c, l, 0, w), two = add_8(c, l, 8, w);
	return full_add(&c->plane[3], one, two);
}

/* The count of the first `count` < 16 votes: its binary digits say which sums to begin with. */
INLINE struct low_planes first_votes(struct list l, size_t count, size_t w)
{
	struct low_planes c = {{{0}}};
	if (count & 1)
		c.plane[0] = vote_at(l, 0, w);
	l = list_from(l, count & 1);
	if (count & 2)
		c.plane[1] = add_2(&c, l, 0, w);
	l = list_from(l, count & 2);
	if (count & 4)
		c.plane[2] = add_4(&c, l, 0, w);
	l = list_from(l, count & 4);
	if (count & 8)
		c.plane[3] = add_8(&c, l, 0, w);
	return c;
}

/*
 * count >= bound, bit by bit from the lowest: with bit k of the bound 1, plane k must be 1 and the lower
 * bits suffice; with bit k 0, plane k being 1 is enough. Both are the majority of three.
 */
INLINE vword still_reaches(vword lower, vword plane, uint64_t bound, int k)
{
	return word_and_or(plane, lower, bound >> k & 1);
}

INLINE void compare_plane(struct standing *s, const struct race *r, vword plane, int k)
{
	s->more = still_reaches(s->more, plane, r->more, k);
	if (r->ties)
		s->half = still_reaches(s->half, plane, r->half, k);
}

INLINE struct standing compare_low(const struct race *r, const struct low_planes *c)
{
	struct standing s = {~(vword){0}, ~(vword){0}};
	for (int k = 0; k < LOW_PLANES; k++)
		compare_plane(&s, r, c->plane[k], k);
	return s;
}

INLINE void announce(const struct race *r, struct standing s, size_t i, uint64_t *minus, uint64_t *tied)
{
	store_words(minus + i * LANES_64, s.more);
	if (r->ties)
		store_words(tied + i * LANES_64, s.half & ~s.more);
}

/* Begin a tile with `count` < 16 votes; final when there are no others. */
INLINE void tile_begin(const struct race *r, size_t count, bool final, size_t w, size_t vectors,
                       struct tile *t, uint64_t *minus, uint64_t *tied)
{
	for (size_t i = 0; i < vectors; i++) {
		struct low_planes c = first_votes(r->votes, count, w + i * LANES_64);
		if (final)
			announce(r, compare_low(r, &c), i, minus, tied);
		else
			memcpy(t->low[i], c.plane, sizeof(c.plane));
	}
}

/* Ask for part `turn` of TILE_VECTORS of the tiles at word w of the sixteen votes from `next` on. */
INLINE void fetch(struct list next, size_t turn, size_t w)
{
	const size_t turns = TILE_VECTORS / GROUP, words = GROUP * LANES_64; /* turns a vote, words a turn */
	size_t j = turn / turns;
	const uint64_t *plane = !next.abstains ? next.vote[j]
	                        : j % 2        ? next.abstain[j / 2]
	                                       : next.vote[j / 2];
	const uint64_t *at = plane + w + turn % turns * words;
	for (size_t i = 0; i < words; i += LINE_WORDS)
		__builtin_prefetch(at + i, 0, 2);
}

/* Add a group of sixteen. `before` and `after`: high planes that can have a 1. */
INLINE void tile_add(struct list group, bool far, int before, int after, size_t w, size_t vectors,
                     struct tile *t)
{
	for (size_t i = 0; i < vectors; i++) {
		struct low_planes c;
		memcpy(c.plane, t->low[i], sizeof(c.plane));
		vword carry = add_16(&c, group, w + i * LANES_64);
		if (far)
			fetch(list_from(group, GROUP), i, w);
		memcpy(t->low[i], c.plane, sizeof(c.plane));
		for (int k = 0; k < before; k++) {
			vword plane = t->high[k][i];
			t->high[k][i] = plane ^ carry;
			carry &= plane;
		}
		if (after > before)
			t->high[before][i] = carry;
	}
}

/* Add the last sixteen, and compare while the sum is at hand. far: there is another tile, far away. */
INLINE void tile_end(const struct race *r, struct list group, bool far, int before, size_t w, size_t vectors,
                     struct tile *t, uint64_t *minus, uint64_t *tied)
{
	for (size_t i = 0; i < vectors; i++) {
		struct low_planes c;
		memcpy(c.plane, t->low[i], sizeof(c.plane));
		vword carry = add_16(&c, group, w + i * LANES_64);
		if (far)
			fetch(r->votes, i, w + TILE_WORDS);
		struct standing s = compare_low(r, &c);
		for (int k = 0; k < before; k++) {
			vword plane = t->high[k][i];
			compare_plane(&s, r, plane ^ carry, LOW_PLANES + k);
			carry &= plane;
		}
		compare_plane(&s, r, carry, LOW_PLANES + before);
		announce(r, s, i, minus, tied);
	}
}

INLINE int bits_of(size_t count)
{
	return count == 0 ? 0 : 64 - __builtin_clzll(count);
}

/* One tile: `vectors` vectors from word w. No whole tile follows the last. */
INLINE void tile_vote(const struct race *r, bool last, size_t w, size_t vectors, uint64_t *minus,
                      uint64_t *tied)
{
	struct tile t;
	size_t groups = r->count / GROUP;
	tile_begin(r, r->count % GROUP, groups == 0, w, vectors, &t, minus, tied);
	for (size_t g = 1; g <= groups; g++) {
		struct list group = list_from(r->votes, r->count % GROUP + (g - 1) * GROUP);
		if (g < groups)
			tile_add(group, r->far && !last, bits_of(g - 1), bits_of(g), w, vectors, &t);
		else
			tile_end(r, group, r->far && !last, bits_of(g - 1), w, vectors, &t, minus, tied);
	}
}

/* The same for a single word, where no vector fits any more. Plain counters, one plane after the other. */
static void word_vote(struct race r, size_t w, uint64_t *minus, uint64_t *tied)
{
	uint64_t plane[LOW_PLANES + HIGH_PLANES] = {0}, more = ~UINT64_C(0), half = ~UINT64_C(0);
	const struct list l = r.votes;
	for (size_t j = 0; j < r.count; j++) {
		size_t m = l.abstains ? j / 2 : j;
		uint64_t add = l.vote[m][w], abstain = l.abstains ? l.abstain[m][w] : 0;
		add = j % 2 ? add | abstain : add & ~abstain;
		for (int k = 0; add; k++) {
			uint64_t carry = plane[k] & add;
			plane[k] ^= add;
			add = carry;
		}
	}
	for (int k = 0; k < LOW_PLANES + HIGH_PLANES; k++) {
		more = r.more >> k & 1 ? plane[k] & more : plane[k] | more;
		half = r.half >> k & 1 ? plane[k] & half : plane[k] | half;
	}
	*minus = more;
	*tied = half & ~more;
}

/* Settle the ties of a tile, if it has any. */
static void tile_settle(enum sign_policy tie, const struct stream *coins, uint64_t word, size_t words,
                        const uint64_t *tied, uint64_t *vote, uint64_t *abstain)
{
	for (size_t w = 0, count; w < words; w += count) {
		count = chunk_at(word + w, words - w);
		uint64_t any = 0;
		for (size_t i = w; i < w + count; i++)
			any |= tied[i];
		if (any || tie == SIGN_ABSTAIN)
			settle(tie, coins, word + w, count, tied + w, vote + w, abstain ? abstain + w : NULL);
	}
}

/* Clear the padding bits. */
INLINE void clear_padding(size_t n, uint64_t *plane)
{
	if (n % 64)
		plane[n / 64] &= sign_mask(n, n / 64);
}

/* What is the same for all tiles. */
struct poll {
	size_t n, first;
	const struct votes *votes;
	enum sign_policy tie;
	const struct stream *coins;
	uint64_t *vote, *abstain; /* of the answer */
};

/* count: of votes, doubled if there are abstain planes. */
INLINE void race_run(const struct poll *p, size_t count, bool abstains, bool ties)
{
	size_t words = sign_words(p->n);
	struct race r = {.votes = {p->votes->vote, p->votes->abstain, abstains},
	                 .count = count,
	                 .ties = ties,
	                 .far = count * words > FAR_WORDS,
	                 .more = count / 2 + 1,
	                 .half = (count + 1) / 2};
	for (size_t w = 0; w < words; w += TILE_WORDS) {
		size_t here = words - w < TILE_WORDS ? words - w : TILE_WORDS, vectors = here / LANES_64;
		uint64_t tied[TILE_WORDS], *abstain = p->abstain ? p->abstain + w : NULL;
		tile_vote(&r, words - w < 2 * TILE_WORDS, w, vectors, p->vote + w, tied);
		for (size_t i = vectors * LANES_64; i < here; i++)
			word_vote(r, w + i, &p->vote[w + i], &tied[i]);
		if (ties && w + here == words)
			clear_padding(p->n - 64 * w, tied);
		if (ties)
			tile_settle(p->tie, p->coins, p->first / 64 + w, here, tied, p->vote + w, abstain);
		else if (p->tie == SIGN_ABSTAIN)
			memset(abstain, 0, here * sizeof(*abstain));
	}
	clear_padding(p->n, p->vote);
}

/*
 * The same for several kinds of votes, so that inner loops need no branches. Each is a function of its own:
 * all in one would have the sum of their frames where a sanitizer keeps apart what is on the stack, and clear
 * it at every call.
 */
#define RACE(name, votes, abstains, ties)                                                                    \
	static __attribute__((noinline)) void name(const struct poll *p, size_t count)                       \
	{                                                                                                    \
		(void)count;                                                                                 \
		race_run(p, votes, abstains, ties);                                                          \
	}
RACE(race_abstaining, 2 * count, true, true)
RACE(race_even, count, false, true)
RACE(race_3, 3, false, false)
RACE(race_5, 5, false, false)
RACE(race_7, 7, false, false)
RACE(race_odd, count, false, false)
#undef RACE

static void cpu_majority(HOST_QUEUE, size_t n, const struct votes *b, enum sign_policy tie,
                         const struct stream *coins, size_t first, uint64_t *pull_vote,
                         uint64_t *pull_abstain)
{
	const size_t limit = (size_t)1 << (LOW_PLANES + HIGH_PLANES - 1);
	if (b->count < 1 || (size_t)b->count >= limit)
		BUG("the vote counts from 1 to 2^19 - 1 votes");
	size_t count = (size_t)b->count;
	struct poll p = {n, first, b, tie, coins, pull_vote, pull_abstain};
	if (b->abstain)
		race_abstaining(&p, count);
	else if (count % 2 == 0)
		race_even(&p, count);
	else
		(count == 3 ? race_3 : count == 5 ? race_5 : count == 7 ? race_7 : race_odd)(&p, count);
}
