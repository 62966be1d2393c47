/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/syndrome.h>
#include <string.h>
#include <unit.h>

static const char *text(u64 esr)
{
	static char buf[96];

	syndrome_text(esr, buf, sizeof(buf));
	return buf;
}

static void words(void **state)
{
	(void)state;
	assert_string_equal(text(0x02000000), "undefined instruction");
	assert_string_equal(text(0x86000005), "instruction abort: translation fault, level 1");
	assert_string_equal(text(0x96000050), "data abort of a store: external abort");
	assert_string_equal(text(0x96000021), "data abort of a load: unaligned address");
	assert_string_equal(text(0x9600004f), "data abort of a store: permission fault, level 3");
	assert_string_equal(text(0x96000017),
			    "data abort of a load: external abort of a walk, level 3");
	assert_true(syndrome_is_external(0x96000050));
	assert_true(syndrome_is_external(0x86000010));
	assert_false(syndrome_is_external(0x62000010));
}

/* Each has words, and fits the buffers of its callers. */
static void all(void **state)
{
	(void)state;
	for (u64 class = 0; class < 64; class ++)
		for (u64 iss = 0; iss < 128; iss++) {
			const size_t length = strlen(text(class << 26 | iss));

			assert_true(length > 2 && length < 95);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
