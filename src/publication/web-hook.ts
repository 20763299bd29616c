import { createOutbound, exchange, type OutboundPolicy } from '../outbound/index.js';
import { pathOfOrigin, PublicationConflictError, type Publication, type PublishedCheckpoint } from './index.js';

interface WebHookSettings {
  /** Checkpoints are put below it: `<url>/<origin>/<size>`. */
  readonly url: string;
  readonly policy: OutboundPolicy;
  readonly timeoutMs: number;
}

const CONFLICTS = [409, 412];

/**
 * A web server that takes each checkpoint by PUT, with `If-None-Match: *`: 2xx is taken; 409 or 412 says that one stands there already,
 * which a GET of the same URL then shows. It is never asked which one is the newest.
 */
export function createWebHookPublication({ url, policy, timeoutMs }: WebHookSettings): Publication {
  const dispatcher = createOutbound({ policy, urls: [url], connectTimeoutMs: timeoutMs });
  const call = async (method: 'GET' | 'PUT', { origin, size }: Pick<PublishedCheckpoint, 'origin' | 'size'>, body?: string) => {
    const answer = await exchange({
      dispatcher,
      url: new URL(`${url.replace(/\/$/, '')}/${pathOfOrigin(origin)}/${size}`),
      method,
      headers: body === undefined ? {} : { 'content-type': 'text/plain; charset=utf-8', 'if-none-match': '*' },
      ...(body === undefined ? {} : { body }),
      timeoutMs,
    });
    if (answer.kind !== 'answered') throw new Error(`the checkpoint could not be published: ${answer.reason}`);
    return answer;
  };
  return {
    async publish(checkpoint) {
      const { httpStatus } = await call('PUT', checkpoint, checkpoint.note);
      if (CONFLICTS.includes(httpStatus)) {
        // Where the reply to the first try was lost, the one that stands there is this one.
        const there = await call('GET', checkpoint);
        if (there.httpStatus === 200 && there.body === checkpoint.note) return;
        throw new PublicationConflictError(
          `another checkpoint of ${checkpoint.origin} with ${checkpoint.size} leaves was published before`,
        );
      }
      if (httpStatus < 200 || httpStatus > 299) throw new Error(`the checkpoint could not be published: status ${httpStatus}`);
    },
    newest: () => Promise.resolve(null),
  };
}
