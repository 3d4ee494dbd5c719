/* compositor/order.h - what [ctl] tells [tick], and what comes back; inside this folder only.
 *
 * An order is kept in the thing that it is about, so that posting cannot fail: each thing is told
 * of once and taken away once. The order to leave goes back as a receipt, and [ctl] frees the
 * thing. */
#ifndef COMPOSITOR_ORDER_H
#define COMPOSITOR_ORDER_H

enum comp_order_kind {
    COMP_SOURCE_JOIN,
    COMP_SOURCE_LEAVE,
    COMP_VIEW_JOIN,
    COMP_VIEW_LEAVE,
    COMP_STREAM_JOIN,
    COMP_STREAM_LEAVE,
};

struct comp_order {
    enum comp_order_kind kind;
    void *about; /* struct comp_source, comp_view or comp_stream, as kind says */
};

#endif
