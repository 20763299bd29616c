import type { DeskSessions } from '../audit/desk-sessions.js';
import type { MakePages } from '../http/app.js';
import type { FetchDocument } from '../outbound/index.js';
import { loadAssets } from './assets.js';
import { auditCasePages } from './audit-case-page.js';
import { auditChartsPages } from './audit-charts-page.js';
import { auditPages } from './audit-page.js';
import { createSealCheck } from './audit-seal.js';
import { approvalPages } from './approval-pages.js';
import { createCookie } from './cookies.js';
import { customerPages } from './customer-pages.js';
import { createFrame } from './frame.js';
import { HEALTH_SCOPE, healthPages } from './health-page.js';
import { identify } from './identify.js';
import { operatorPages } from './operator-pages.js';
import type { NavEntry } from './page.js';
import { createPagesRouter } from './pages-router.js';
import { requestsPages } from './requests-page.js';
import { createSessions } from './sessions.js';
import { createSignIn } from './sign-in.js';
import { signInPages } from './sign-in-pages.js';
import { unlockPages } from './unlock-pages.js';

export interface DeskParts {
  readonly issuer: string;
  readonly clientId: string;
  /** Null: a public client. */
  readonly clientSecret: string | null;
  /** What is asked for at sign-in, parted by blanks. */
  readonly scopes: string;
  /** The pages' own origin, without a slash at its end; known once the server listens. */
  readonly publicUrl: () => string;
  /** Whether that is https. */
  readonly secure: boolean;
  readonly store: DeskSessions;
  readonly sessionMaxMs: number;
  readonly fetch: FetchDocument;
  /** Customers of the sandbox bank, for the search to offer. */
  readonly tryOut: readonly { readonly customerId: string; readonly says: string }[];
}

const navigation: readonly NavEntry[] = [
  { href: '/', label: 'Unlock', scope: 'institution-users:read' },
  { href: '/unlocks', label: 'Requests', scope: 'institution-users:read' },
  { href: '/audit', label: 'Audit', scope: 'audit:read' },
  { href: '/health', label: 'Health', scope: HEALTH_SCOPE },
];

/** The desk: pages for support, compliance and operators. They may do what the API lets the person do who is signed in, and nothing else. */
export function createDesk({ store, sessionMaxMs, secure, tryOut, ...settings }: DeskParts): MakePages {
  return ({ ask, auth, traces, log, auditVerifiers }) => {
    const { publicUrl, issuer } = settings;
    const assets = loadAssets();
    const signIn = createSignIn({ ...settings, log });
    const sessions = createSessions({
      store,
      maxMs: sessionMaxMs,
      renew: async (tokens) => {
        const fresh = await signIn.renew(tokens);
        return fresh && { tokens: fresh, person: await identify(auth, fresh.accessToken) };
      },
    });
    const cookie = createCookie('latchkey-session', secure);
    const attemptCookie = createCookie('latchkey-sign-in', secure);
    return createPagesRouter({
      pages: [
        ...signInPages({ auth, signIn, sessions, cookie, attemptCookie, publicUrl, log }),
        ...customerPages({ tryOut }),
        ...requestsPages(),
        ...unlockPages(),
        ...operatorPages(),
        ...auditPages(),
        ...auditChartsPages(),
        ...auditCasePages({ sealsOf: createSealCheck(auditVerifiers) }),
        ...approvalPages(),
        ...healthPages(),
      ],
      assets,
      frame: createFrame({ assets, navigation }),
      sessions,
      cookie,
      ask,
      traces,
      log,
      publicUrl,
      issuerOrigin: new URL(issuer).origin,
    });
  };
}
