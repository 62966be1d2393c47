/* SPDX-License-Identifier: Apache-2.0 */
/* What the random number generator is made of: ChaCha20, SHA-256, health tests of jitter. */
#include <unit.h>

#include <lib/chacha.h>
#include <lib/jitter.h>
#include <lib/sha256.h>
#include <stdio.h>
#include <string.h>

static const char *hex(const u8 *bytes, size_t size)
{
	static char text[2 * 64 + 1];

	for (size_t i = 0; i < size; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

/* RFC 8439, 2.3.2. */
static void chacha_block(void **state)
{
	u8 key[CHACHA_KEY], out[CHACHA_BLOCK];
	const u8 nonce[CHACHA_NONCE] = { 0, 0, 0, 9, 0, 0, 0, 0x4a };

	(void)state;
	for (u8 i = 0; i < sizeof(key); i++)
		key[i] = i;
	chacha20_block(key, 1, nonce, out);
	assert_string_equal(hex(out, sizeof(out)),
			    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
			    "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
}

/* RFC 8439, A.1, test vectors 1 to 5. */
static void chacha_vectors(void **state)
{
	static const struct {
		u8 key0, key31, nonce11;
		u8 key1;
		u32 counter;
		const char *stream;
	} vectors[] = {
		{ 0, 0, 0, 0, 0,
		  "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
		  "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586" },
		{ 0, 0, 0, 0, 1,
		  "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
		  "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f" },
		{ 0, 1, 0, 0, 1,
		  "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
		  "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0" },
		{ 0, 0, 0, 0xff, 2,
		  "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
		  "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096" },
		{ 0, 0, 2, 0, 0,
		  "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
		  "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d" },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(vectors); i++) {
		u8 key[CHACHA_KEY] = { vectors[i].key0, vectors[i].key1 };
		u8 nonce[CHACHA_NONCE] = { 0 };
		u8 out[CHACHA_BLOCK];

		key[31] = vectors[i].key31;
		nonce[11] = vectors[i].nonce11;
		chacha20_block(key, vectors[i].counter, nonce, out);
		assert_string_equal(hex(out, sizeof(out)), vectors[i].stream);
	}
}

static const char *digest_of(const void *data, size_t size, size_t step)
{
	u8 digest[SHA256_SIZE];
	struct sha256 s;
	const u8 *from = data;

	sha256_init(&s);
	for (size_t at = 0; at < size; at += step)
		sha256_update(&s, from + at, MIN(step, size - at));
	sha256_final(&s, digest);
	return hex(digest, sizeof(digest));
}

/* FIPS 180-4 examples. */
static void sha256_vectors(void **state)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	static const char *const expected =
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
	static u8 million[1000000];

	(void)state;
	assert_string_equal(digest_of("", 0, 1),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_string_equal(digest_of("abc", 3, 3),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(digest_of(two_blocks, strlen(two_blocks), 56), expected);
	assert_string_equal(digest_of(two_blocks, strlen(two_blocks), 1), expected);
	memset(million, 'a', sizeof(million));
	assert_string_equal(digest_of(million, sizeof(million), 977),
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Every length around the ends of a block, in one piece and in bytes. */
static void sha256_padding(void **state)
{
	u8 data[130];

	(void)state;
	memset(data, 0x5a, sizeof(data));
	for (size_t size = 1; size <= sizeof(data); size++) {
		char whole[2 * SHA256_SIZE + 1];

		strcpy(whole, digest_of(data, size, size));
		assert_string_equal(digest_of(data, size, 1), whole);
	}
}

static void equal_samples_fail(void **state)
{
	struct jitter j;

	(void)state;
	jitter_init(&j);
	for (u32 i = 0; i < 240; i++)
		(void)jitter_feed(&j, 7);
	assert_false(j.failed);
	assert_false(jitter_feed(&j, 7));
	assert_true(j.failed);
	assert_false(jitter_feed(&j, 8)); /* for ever */
	assert_false(jitter_feed(&j, 80));
}

/* Never 241 in a row, but hardly anything else in 512. */
static void a_dominating_sample_fails(void **state)
{
	struct jitter j;
	u32 n = 0;

	(void)state;
	jitter_init(&j);
	while (!j.failed && n < 100000) {
		(void)jitter_feed(&j, n % 100 == 99 ? n : 7);
		n++;
	}
	assert_in_range(n, 502, 512);
}

static void only_what_changes_irregularly_counts(void **state)
{
	static const u64 samples[] = { 10, 10, 12, 14, 16, 11, 11, 30 };
	static const bool counts[] = { true, false, true, false, false, true, false, true };
	struct jitter j;

	(void)state;
	jitter_init(&j);
	for (u32 i = 0; i < ARRAY_SIZE(samples); i++)
		assert_int_equal(jitter_feed(&j, samples[i]), counts[i]);
}

/* What a healthy source looks like does not fail in a million samples. */
static void noise_is_healthy(void **state)
{
	struct jitter j;
	u32 x = 1, counted = 0;

	(void)state;
	jitter_init(&j);
	for (u32 i = 0; i < 1000000; i++) {
		x = x * 1664525u + 1013904223u;
		counted += jitter_feed(&j, 20 + (x >> 30)); /* four values */
	}
	assert_false(j.failed);
	assert_true(counted > 400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chacha_block),
		cmocka_unit_test(chacha_vectors),
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(sha256_padding),
		cmocka_unit_test(equal_samples_fail),
		cmocka_unit_test(a_dominating_sample_fails),
		cmocka_unit_test(only_what_changes_irregularly_counts),
		cmocka_unit_test(noise_is_healthy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
