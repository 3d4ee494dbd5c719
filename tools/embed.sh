#!/usr/bin/env bash
# Prints a C file that holds files in the program: a table of {name, data, size}, ended by a NULL name.
# Names are the paths below ROOT. Usage: tools/embed.sh TABLE ROOT FILE...
set -eu
table=$1
root=$2
shift 2

echo '/* Made by tools/embed.sh. */'
echo '#include "mcu/base/embed.h"'
n=0
for file in "$@"; do
    path=$(realpath "$file")
    printf '__asm__(".section .rodata\\n.balign 16\\n%s_%d:\\n.incbin \\"%s\\"\\n%s_%d_end:\\n.byte 0\\n.previous\\n");\n' \
        "$table" $n "$path" "$table" $n
    printf 'extern const unsigned char %s_%d[];\nextern const unsigned char %s_%d_end[];\n' \
        "$table" $n "$table" $n
    n=$((n + 1))
done
printf '\nconst struct mcu_embedded %s[] = {\n' "$table"
n=0
for file in "$@"; do
    printf '    {"%s", %s_%d, %s_%d_end},\n' "${file#"$root"/}" "$table" $n "$table" $n
    n=$((n + 1))
done
printf '    {0},\n};\n'
