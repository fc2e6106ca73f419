/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up privileges, in the order that leaves no way back: supplementary groups, group, user
 * (libcap-ng does these and empties the capability sets, the bounding set too), then no_new_privs.
 */
#include "daemon/privileges.h"

#include "base/log.h"
#include "daemon/family.h"

#include <cap-ng.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int
privileges_find(struct privileges_user *out)
{
	static const char *const names[] = {FAMILY_USER, "nobody"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct passwd *pw = getpwnam(names[i]);
		if (pw == NULL)
			continue;
		*out = (struct privileges_user){
		    .name = names[i], .uid = pw->pw_uid, .gid = pw->pw_gid};
		if (i > 0)
			log_warn(
			    "there is no user '%s': the engine runs as '%s'", names[0], names[i]);
		return 0;
	}
	return -1;
}

void
privileges_drop(const struct privileges_user *user)
{
	if (geteuid() == 0) {
		capng_clear(CAPNG_SELECT_BOTH);
		if (capng_change_id((int)user->uid, (int)user->gid,
			CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) != 0) {
			log_error("cannot become user '%s'", user->name);
			abort();
		}
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		log_error("cannot set no_new_privs");
		abort();
	}
}
