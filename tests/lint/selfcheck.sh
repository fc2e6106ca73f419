#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every check can fail. Each is given a small tree that is in order, and must pass; then the same tree with
# one thing wrong, and must fail and say what. Usage: selfcheck.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
count=0

# A tree with one source in base/, one in proto/bgp/, one header and one script, and its build directory.
good_tree() {
	rm -rf "$dir/t"
	mkdir -p "$dir/t/src/base" "$dir/t/src/proto/bgp" "$dir/t/src/proto/bfd" "$dir/t/tools" "$dir/t/out"
	cp "$top/.clang-format" "$top/.clang-tidy" "$dir/t"
	cd "$dir/t"
	cat >src/base/one.h <<'EOF'
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ONE_H
#define BASE_ONE_H

#include <stdint.h>

uint32_t one_next(uint32_t x);

#endif
EOF
	cat >src/base/one.c <<'EOF'
/* SPDX-License-Identifier: Apache-2.0 */
/* Says what comes next; never calls strcpy(). */
#include "base/one.h"

static const char *const words[] = {"strcpy(", "/*"};

uint32_t
one_next(uint32_t x)
{
	return x + (uint32_t)words[0][0];
}
EOF
	cat >src/proto/bgp/two.c <<'EOF'
/* SPDX-License-Identifier: Apache-2.0 */
/* Uses a lower layer. */
#include "base/one.h"

uint32_t two_next(uint32_t x);

uint32_t
two_next(uint32_t x)
{
	return one_next(x) * 2;
}
EOF
	printf '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho fine\n' >tools/three
	echo '/* SPDX-License-Identifier: Apache-2.0 */' >src/proto/bfd/four.h
	echo '/* SPDX-License-Identifier: Apache-2.0 */' >src/base/five_priv.h
}

# Compiles the tree as ninja would have done, and writes down how.
build_tree() {
	comma='['
	for name in base/one proto/bgp/two; do
		object=$(basename $name).o
		gcc -std=gnu17 -O2 -fPIC -Isrc -c "src/$name.c" -o "out/$object" 2>/dev/null || true
		printf '%s{"directory": "%s", "command": "cc -std=gnu17 -I../src -c ../src/%s.c", "file": "../src/%s.c", "output": "%s"}' \
			"$comma" "$dir/t/out" "$name" "$name" "$object"
		comma=','
	done >out/compile_commands.json
	echo ']' >>out/compile_commands.json
}

check() {
	build_tree
	"$here/$1" "$dir/t" "$dir/t/out" >"$dir/output" 2>&1
}

passes() {
	count=$((count + 1))
	if ! check "$1"; then
		failed=$((failed + 1))
		echo "$1: complains about a tree that is in order:"
		cat "$dir/output"
	fi
}

# fails CHECK PATTERN: it fails, and says something that matches.
fails() {
	count=$((count + 1))
	if check "$1"; then
		failed=$((failed + 1))
		echo "$1: does not notice what should give '$2'"
	elif ! grep -q -- "$2" "$dir/output"; then
		failed=$((failed + 1))
		echo "$1: does not say '$2' but:"
		cat "$dir/output"
	fi
	good_tree
}

# A function with so many lines between its braces, behind the given line.
long_function() {
	printf '\n%s\nint\nlong_one(int x)\n{\n' "$2"
	yes '	x++;' | head -n "$1"
	echo '}'
}

good_tree
for script in "$here"/check_*; do
	passes "$(basename "$script")"
done

printf 'int  x;\n' >>src/base/one.c
fails check_format.sh 'one.c:12:'

echo '#include "proto/bfd/four.h"' >>src/base/one.h
fails check_layers.py 'src/base/one.h:10: base/ (layer 0) includes proto/bfd/ (layer 4)'
echo '#include "proto/bfd/four.h"' >>src/proto/bgp/two.c
fails check_layers.py 'two.c:12: proto/bgp/ and proto/bfd/ are of one layer'
echo '#include "one.h"' >>src/base/one.c
fails check_layers.py 'has no folder'
echo '#include "base/none.h"' >>src/base/one.c
fails check_layers.py 'is not below src/'
echo '#include "base/five_priv.h"' >>src/proto/bgp/two.c
fails check_layers.py 'is private to base/'
mkdir src/new && cp src/base/one.h src/new/six.h
fails check_layers.py 'new/ has no layer'

for declaration in 'int here = 1;' 'static int here;' 'int here;' 'static const char *here[] = {"a"};' \
	'static _Thread_local int here = 2;'; do
	printf '%s\nvoid *get_here(void);\nvoid *get_here(void)\n{\n\treturn (void *)&here;\n}\n' "$declaration" >>src/base/one.c
	fails check_globals.py "one.c:12: 'here' is mutable"
done
printf 'int calls(void);\nint calls(void)\n{\n\tstatic int here;\n\treturn ++here;\n}\n' >>src/proto/bgp/two.c
fails check_globals.py "two.c:15: 'here' is mutable"
echo 'not C' >>src/base/one.c && rm -f out/one.o
fails check_globals.py 'has not been compiled'

long_function 80 '/* just enough */' >>src/base/one.c
passes check_length.py
good_tree
long_function 81 '/* lint: flat table */' >>src/base/one.c
passes check_length.py
good_tree
long_function 81 '/* one too many */' >>src/base/one.c
fails check_length.py 'one.c:16: long_one() has 81 lines'

echo 'size_t one_size(void);' >>src/base/one.h
fails check_headers.py 'one.h:1: does not compile alone'

sed -i 1d src/base/one.c
fails check_words.py 'one.c:1: no licence'
sed -i 2d tools/three && mv tools/three tools/three.sh
fails check_words.py 'three.sh:2: no licence'
sed -i 2d src/base/one.c
fails check_words.py 'one.c:2: no introduction'
cp src/base/one.c src/proto/bfd/one.c
fails check_words.py 'src/base/one.c has the same name'
for call in strcpy sprintf atoi strtok alloca; do
	echo "int x = $call(0);" >>src/base/one.c
	fails check_words.py "one.c:12: $call() is not used here"
done
for word in TO'DO' FIX'ME' XX'X'; do
	echo "/* $word: later */" >>src/base/one.c
	fails check_words.py "one.c:12: '$word' is left behind"
done
sed -i 's/^	return/#ifdef A\n&/' src/base/one.c
fails check_words.py 'one.c:10: conditional compilation inside one_next()'

printf 'int sum(int a, int b);\nint sum(int a, int b)\n{\n\tint x;\n\tif (a > b)\n\t\tx = 1;\n\treturn x;\n}\n' >>src/base/one.c
fails check_tidy.py 'src/base/one.c:18: .*clang-analyzer'
# What was clean is looked at again when a header has changed.
passes check_tidy.py
echo 'uint32_t one_next(uint32_t other);' >>src/base/one.h
fails check_tidy.py 'src/base/one.h:10: .*redundant'

printf 'int sum(void)\n{\n\tint a[2] = {1, 2};\n\treturn a[2];\n}\n' >>src/base/one.c
fails check_cppcheck.sh 'arrayIndexOutOfBounds'

# shellcheck disable=SC2016 # no expansion wanted
echo 'rm $1' >>tools/three
fails check_shell.sh 'three:4:.*SC2086'

# An empty tree is not a clean tree.
rm -rf src tools
mkdir src
for script in check_format.sh check_layers.py check_globals.py check_length.py check_headers.py check_words.py \
	check_tidy.py check_cppcheck.sh check_shell.sh; do
	rm -rf src tools && mkdir src
	count=$((count + 1))
	echo '[]' >out/compile_commands.json
	if "$here/$script" "$dir/t" "$dir/t/out" >"$dir/output" 2>&1; then
		failed=$((failed + 1))
		echo "$script: passes an empty tree"
	fi
done

echo "$count tried, $failed wrong"
[ "$failed" -eq 0 ]
