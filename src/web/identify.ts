import { ForbiddenProblem, scopes, type Authenticator, type Scope } from '../http/auth.js';

/** Who is signed in, and what their token allows; shown to them, and used to leave out what they may not do. It lets nobody in. */
export interface Person {
  readonly id: string;
  readonly name: string | null;
  readonly institutionId: string;
  readonly scopes: readonly Scope[];
}

/**
 * Asks the same check that every call meets what a new token allows.
 * @throws Problem 401 where the token is not good here, 403 where its institution is not served, 503 where it cannot be checked
 */
export async function identify(auth: Authenticator, token: string): Promise<Person> {
  const granted: Scope[] = [];
  let known: { readonly id: string; readonly name: string | null; readonly institutionId: string } | null = null;
  for (const scope of Object.keys(scopes).filter(isScope)) {
    try {
      const { actor, institutionId } = await auth([`Bearer ${token}`], scope);
      granted.push(scope);
      known = { id: actor.id, name: actor.name, institutionId };
    } catch (error) {
      if (!(error instanceof ForbiddenProblem) || error.code !== 'insufficient_scope' || error.bearer.institutionId === null) throw error;
      const { actor, institutionId } = error.bearer;
      known ??= { id: actor.id, name: actor.name, institutionId };
    }
  }
  if (known === null) throw new TypeError('there are no scopes');
  return { ...known, scopes: granted };
}

function isScope(name: string): name is Scope {
  return Object.hasOwn(scopes, name);
}
