/* mixer/post.h - messages between [ctl] and [tick]: lists of nodes that live inside the objects.
 *
 * Any thread posts, one thread takes all at once. No locks, no memory and no limit of its own: an
 * object has one node for each message that can be sent about it, so there are never more. */
#ifndef MIXER_POST_H
#define MIXER_POST_H

#include <stdatomic.h>

enum mix_message {
    MIX_INPUT_ADD,
    MIX_INPUT_REMOVE,
    MIX_LISTENER_ADD,
    MIX_LISTENER_REMOVE,
    MIX_SOUND_ADD,
    MIX_SOUND_REMOVE,
    MIX_OUTPUT_ADD,
    MIX_INPUT_RETIRED, /* back to [ctl]: the tick has let go of it */
    MIX_LISTENER_RETIRED,
    MIX_PROFILE_RETIRED,
    MIX_SOUND_RETIRED,
};

struct mix_node {
    struct mix_node *next;
    enum mix_message message;
    void *owner;
};

struct mix_post {
    _Atomic(struct mix_node *) newest;
};

/* [any] The node must not be in a list. */
static inline void mix_post(struct mix_post *post, struct mix_node *node, enum mix_message message,
                            void *owner)
{
    node->message = message;
    node->owner = owner;
    node->next = atomic_load_explicit(&post->newest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&post->newest, &node->next, node,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

/* [taker] All posted nodes, oldest first, or NULL. */
static inline struct mix_node *mix_post_take(struct mix_post *post)
{
    struct mix_node *newest = atomic_exchange_explicit(&post->newest, NULL, memory_order_acquire);
    struct mix_node *oldest = NULL;
    while (newest) {
        struct mix_node *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

#endif
