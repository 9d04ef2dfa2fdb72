// SPDX-License-Identifier: Apache-2.0
/*
 * Debian's static libelf 0.192 (Debian 13, Ubuntu 25.04) lacks the search trees that it calls, so nothing
 * links with it. Here they are, for programs of one thread. The first member of a tree is its root, as
 * tsearch(3) takes it; elfutils' lock behind it is not used.
 */
#include <search.h>
#include <stddef.h>

typedef int compare_fn(const void *, const void *);

struct search_tree {
	void *root;
};

void eu_search_tree_init(struct search_tree *tree);
void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *));
void *eu_tsearch(const void *key, struct search_tree *tree, compare_fn *compare);
void *eu_tdelete(const void *key, struct search_tree *tree, compare_fn *compare);

__attribute__((weak)) void eu_search_tree_init(struct search_tree *tree)
{
	tree->root = NULL;
}

__attribute__((weak)) void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *))
{
	tdestroy(tree->root, free_node);
	tree->root = NULL;
}

__attribute__((weak)) void *eu_tsearch(const void *key, struct search_tree *tree, compare_fn *compare)
{
	return tsearch(key, &tree->root, compare);
}

__attribute__((weak)) void *eu_tdelete(const void *key, struct search_tree *tree, compare_fn *compare)
{
	return tdelete(key, &tree->root, compare);
}
