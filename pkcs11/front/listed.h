/* listed.h: ask at compile time whether a function is in a list.
 *
 * A list is a header of lines like
 *     #define UNSUPPORTED_C_LoginUser LISTED
 * and IS_LISTED(UNSUPPORTED, C_LoginUser) is then 1, or 0 for a name without a
 * line. A misspelt name would be a line without effect: a test compares every
 * list with functions.h. */
#ifndef COFFER_LISTED_H
#define COFFER_LISTED_H

/* LISTED puts a 1 in second place; a name that is not defined leaves the 0 there. */
#define LISTED ~, 1
#define LISTED_SECOND(first, second, ...) second
#define LISTED_EXPAND(...) LISTED_SECOND(__VA_ARGS__)
#define IS_LISTED(list, name) LISTED_EXPAND(list##_##name, 0, 0)

/* JOINED(a, b) is the token ab, with a and b expanded first. */
#define JOINED_AS_IS(a, b) a##b
#define JOINED(a, b) JOINED_AS_IS(a, b)

#endif
