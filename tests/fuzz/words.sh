#!/bin/sh
# The words that the product's tables and code know, once each: what stands in
# quotes in the given files and holds no blank, escape or format.
#
#     words.sh dict FILE..     as a dictionary of libFuzzer
#     words.sh c NAME FILE..   as an array of C
set -eu
form=$1
shift
name=words
if [ "$form" = c ]; then
    name=$1
    shift
fi
words() {
    cat "$@" | grep -v '^ *# *include' |
        grep -oE '"[^"\\% ]{1,40}"' | LC_ALL=C sort -u
}
case $form in
dict) words "$@" ;;
c)
    echo "static const char *const ${name}[] = {"
    words "$@" | sed 's/$/,/'
    echo '};'
    ;;
esac
