import { createOutbound, exchange, type Dispatcher, type OutboundPolicy } from '../outbound/index.js';
import { signatures, webhookKey } from './signature.js';

/** Where one caller is told that its unlock requests have ended. */
export interface WebhookSettings {
  readonly institutionId: string;
  /** The caller, as the claim `client_id` of its tokens names it. */
  readonly clientId: string;
  readonly url: string;
  /** `whsec_…`, the current one first; while one is being replaced, two. */
  readonly secrets: readonly string[];
}

interface WebhooksParts {
  readonly webhooks: readonly WebhookSettings[];
  readonly policy: OutboundPolicy;
  /** For one call, from connecting to the last byte. */
  readonly timeoutMs: number;
}

interface Message {
  /** The same in every try. */
  readonly id: string;
  /** JSON; the same in every try. */
  readonly body: string;
}

/** What became of one try. `unanswered`: it may have arrived all the same. */
export type Delivery =
  | { readonly kind: 'answered'; readonly httpStatus: number; readonly retryAfterMs: number | null }
  | { readonly kind: 'unanswered'; readonly reason: string };

/** One caller's receiver. */
export interface Webhook {
  /** The host of its URL, of which nothing else may be told. */
  readonly host: string;
  /** Sends one message once, signed after Standard Webhooks. Never throws for what the network does. */
  send(message: Message): Promise<Delivery>;
}

/** The callers who are told. */
export interface Webhooks {
  /** @returns null where the caller has no webhook here */
  of(institutionId: string, clientId: string): Webhook | null;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Of an answer its status counts alone. */
const BODY_LIMIT_BYTES = 4 * 1024;

/** @throws TypeError where a secret is of no use */
export function createWebhooks({ webhooks, policy, timeoutMs }: WebhooksParts): Webhooks {
  const dispatcher = createOutbound({
    policy,
    urls: webhooks.map(({ url }) => url),
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
  });
  const receivers = new Map(
    webhooks.map((webhook) => [keyOf(webhook.institutionId, webhook.clientId), createWebhook(webhook, dispatcher, timeoutMs)]),
  );
  return {
    of: (institutionId, clientId) => receivers.get(keyOf(institutionId, clientId)) ?? null,
    close: () => dispatcher.destroy(),
  };
}

function createWebhook({ url: text, secrets }: WebhookSettings, dispatcher: Dispatcher, timeoutMs: number): Webhook {
  const url = new URL(text);
  const keys = secrets.map((secret) => {
    const key = webhookKey(secret);
    if (key === null) throw new TypeError(`the secret of the webhook at ${url.host} is of no use`);
    return key;
  });
  return {
    host: url.host,
    async send({ id, body }) {
      const timestamp = Math.floor(Date.now() / 1000);
      const answer = await exchange({
        dispatcher,
        url,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'latchkey',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatures(keys, { id, timestamp, body }),
        },
        body,
        timeoutMs,
        bodyLimitBytes: BODY_LIMIT_BYTES,
      });
      if (answer.kind !== 'answered') return { kind: 'unanswered', reason: answer.reason };
      return { kind: 'answered', httpStatus: answer.httpStatus, retryAfterMs: answer.retryAfterMs };
    },
  };
}

/** As JSON, since a separator could be part of an id. */
function keyOf(institutionId: string, clientId: string): string {
  return JSON.stringify([institutionId, clientId]);
}
