#!/bin/sh
# install.sh BUILD SOURCE: what `cmake --install` gives is enough: the command
# runs from there, CMake's find_package makes models targets, pkg-config finds
# the library, and the headers stand alone in C and C++.
build=$1
set -- "$1/driver/vitqc" "$2"
. "$(dirname "$0")/common.sh"
prefix=$tmp/prefix

check "cmake --install" cmake --install "$build" --prefix "$prefix"
check "the command" "$prefix/bin/vitqc" --version
check "the manual" test -s "$prefix/share/man/man1/vitqc.1"

mkdir app
cat >app/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES C)
find_package(vitqc REQUIRED)
vitqc_add_model(my-vit "$model" CALIB "$images" NAME my_vit OPTIONS -O2)
add_executable(app app.c)
target_link_libraries(app PRIVATE my-vit vitqc::pool)
add_executable(embed embed.c)
target_link_libraries(embed PRIVATE vitqc::vitqc)
END
cat >app/app.c <<'END'
#include "my_vit.h"
#include <stdlib.h>
#include <vitqc/vqrt_pool.h>
int main(void)
{
    static float in[MY_VIT_IN_COUNT], out[MY_VIT_OUT_COUNT];
    VqrtPool *pool = vqrt_pool_new(2);
    VqrtContext c = {vqrt_pool_run, pool, 2, 0, 0};
    void *work = aligned_alloc(MY_VIT_WORK_ALIGN,
                               MY_VIT_WORK_BYTES + MY_VIT_PART_BYTES);
    int code = my_vit_run_with(-1, in, out, work, &c);

    vqrt_pool_free(pool);
    free(work);
    return code;
}
END
cat >app/embed.c <<'END'
#include <vitqc/vitqc.h>
#include <vitqc/vqrt.h>
int main(void)
{
    VitqcOptions o;
    Vitqc *v;

    vitqc_options_init(&o);
    if (vitqc_new(&v, &o) != VITQC_OK)
        return 1;
    vitqc_free(v);
    return 0;
}
END
check "find_package" cmake -G Ninja -S app -B app/build \
    -DCMAKE_PREFIX_PATH="$prefix"
check "vitqc_add_model" cmake --build app/build
check "an app with a model" app/build/app
check "an app with the compiler" app/build/embed
check "nothing to do again" sh -c \
    "cmake --build app/build | grep -q 'no work to do'"

pc=$(find "$prefix" -name vitqc.pc)
export PKG_CONFIG_PATH="${pc%/*}"
check "pkg-config" sh -c "cc app/embed.c -o embed \
    \$(pkg-config --define-variable=prefix='$prefix' --cflags --libs vitqc)"
check "an app by pkg-config" env LD_LIBRARY_PATH="${pc%/pkgconfig/*}" ./embed
check "pkg-config --static" sh -c "cc app/embed.c -o embed_static \
    \$(pkg-config --define-variable=prefix='$prefix' --cflags vitqc) \
    '${pc%/pkgconfig/*}/libvitqc.a' \
    \$(pkg-config --static --libs vitqc | sed 's/-lvitqc//') && ./embed_static"
for header in vitqc vqrt vqrt_pool; do
    echo "#include <vitqc/$header.h>" >alone.c
    check "$header.h alone" cc -std=c11 -Wall -Wextra -pedantic -Werror \
        -I"$prefix/include" -c alone.c -o alone.o
    check "$header.h in C++" c++ -Wall -Wextra -Werror -x c++ \
        -I"$prefix/include" -c alone.c -o alone.o
done
check "only vitqc_ names are exported" sh -c "nm -D --defined-only \
    '${pc%/pkgconfig/*}/libvitqc.so' | awk '\$2 ~ /[TDB]/ &&
    \$3 !~ /^(vitqc_|_|VITQC)/ { print; bad = 1 } END { exit bad }'"
finish
