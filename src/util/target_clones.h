#pragma once
// BNLAB_TARGET_CLONES marks a function with a hot loop: the compiler makes one version for each instruction set, and
// the loader picks when the program starts. Results stay equal because -ffp-contract=off forbids fused multiply-adds.

#if defined(__has_attribute)
#if defined(__x86_64__) && defined(__gnu_linux__) && __has_attribute(target_clones)
#define BNLAB_TARGET_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#endif

// The loader resolves the versions before a sanitizer's runtime is ready. Clang has no macro for its own.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#undef BNLAB_TARGET_CLONES
#endif
#endif
#if !defined(BNLAB_TARGET_CLONES) || defined(BNLAB_SANITIZE) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)
#undef BNLAB_TARGET_CLONES
#define BNLAB_TARGET_CLONES
#endif
