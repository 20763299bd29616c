/** Somebody who may sign in at the sandbox's issuer. There are no passwords: it guards nothing. */
export interface Person {
  readonly id: string;
  readonly name: string;
  /** What they are there to show. */
  readonly role: string;
  readonly scopes: readonly string[];
}

const read = 'institution-users:read';
const write = 'institution-users:write';

export const people: readonly Person[] = [
  { id: 'sam', name: 'Sam Support', role: 'Support agent: finds and unlocks customers', scopes: [read, write] },
  {
    id: 'alex',
    name: 'Alex Approver',
    role: 'Second support agent: unlocks, and approves what others ask for',
    scopes: [read, write, 'unlocks:approve'],
  },
  { id: 'olga', name: 'Olga Operator', role: 'Operator: steers unlocks that are under way', scopes: [read, 'unlocks:operate'] },
  { id: 'carl', name: 'Carl Compliance', role: 'Compliance officer: reviews the audit log', scopes: [read, 'audit:read'] },
  {
    id: 'eve',
    name: 'Eve Everything',
    role: 'All of it, for a look around',
    scopes: [read, write, 'unlocks:operate', 'unlocks:approve', 'audit:read'],
  },
];
