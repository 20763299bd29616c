/** `floor` writes its rows through pg, `prisma-floor` through the product's audit log; `traced` is `apart` with a collector. */
export const subjectNames = ['floor', 'prisma-floor', 'together', 'apart', 'traced'] as const;
export type SubjectName = (typeof subjectNames)[number];

/** Something that unlocks customers over HTTP, running. */
export interface Subject {
  readonly name: SubjectName;
  readonly url: string;
  /** Its own processes; the servers that it shares are not among them. */
  readonly pids: { readonly frontDoor: number; readonly worker?: number };
  /** Its namespace in Temporal; null: it uses none. */
  readonly namespace: string | null;
  stop(): Promise<void>;
}

/** Whose CPU time and memory are told apart. */
export const roles = ['frontDoor', 'worker', 'temporal', 'postgres'] as const;
export type Role = (typeof roles)[number];
export type PerRole = Readonly<Record<Role, number>>;

export function perRole(valueOf: (role: Role) => number): PerRole {
  return { frontDoor: valueOf('frontDoor'), worker: valueOf('worker'), temporal: valueOf('temporal'), postgres: valueOf('postgres') };
}
