/* sdk/chat.js - text to a room or to one user: sent, received, and what was said before.
 *
 * One of these belongs to a Mixdown (mixdown.js): room.chat. Messages are stored by the server; a message is
 * {messageId, userId, content, sentAt} with `name` where the server knows it, and `roomId` or
 * `targetUser`, whom it is for. */

export class Chat {
    #request;

    /* request(action, data) asks the server with the type `message`. */
    constructor(request) {
        this.#request = request;
    }

    /* To everybody in the room, or with `to` to one user. Resolves with {messageId, sentAt, delivered}. */
    send(content, { to } = {}) {
        return this.#request('send', { content, ...(to && { targetUser: to }) });
    }

    /* What was said in the room, or with one user; newest last: {messages, more}. before, after: a
     * messageId; limit: 50, at most 200. */
    history({ room, with: user, before, after, limit } = {}) {
        const whom = user ? { targetUser: user } : { roomId: room };
        return this.#request('history', {
            ...whom, ...(before && { before }), ...(after && { after }), ...(limit && { limit }),
        });
    }
}
