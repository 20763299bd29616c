const columnOf: Readonly<Record<string, string>> = {
  audit_event: 'reason',
  audit_tree: 'origin',
  audit_leaf: 'hash',
  audit_node: 'hash',
  audit_tree_head: 'root',
  audit_checkpoint: 'note',
};
const changes = (table: string): string[] => [
  `UPDATE ${table} SET ${columnOf[table]} = ${columnOf[table]}`,
  `DELETE FROM ${table}`,
  `TRUNCATE ${table} CASCADE`,
];
const seal = ['audit_tree', 'audit_leaf', 'audit_node', 'audit_tree_head', 'audit_checkpoint'];
const becoming = (role: string): string => `SET ROLE ${role}`;
const recording = "INSERT INTO audit_event (id, occurred_at, action) VALUES (gen_random_uuid(), now(), 'access.denied')";
const schema = [
  'CREATE TABLE x (y text)',
  'ALTER TABLE audit_event DISABLE TRIGGER ALL',
  'DROP TABLE audit_leaf',
  'ALTER TABLE audit_event NO FORCE ROW LEVEL SECURITY',
  "SET session_replication_role = 'replica'",
  'SELECT * FROM _prisma_migrations',
];

/** What each login of production must not be able to do. */
export const forbiddenStatements = {
  service: [
    ...['audit_event', ...seal].flatMap(changes),
    ...seal.map((table) => `SELECT FROM ${table}`),
    ...seal.map((table) => `INSERT INTO ${table} DEFAULT VALUES`),
    'INSERT INTO audit_event (position) OVERRIDING SYSTEM VALUE VALUES (1)',
    "INSERT INTO audit_event (xid) VALUES ('1')",
    'INSERT INTO audit_event (recorded_at) VALUES (now())',
    ...['latchkey_owner', 'latchkey_auditor', 'latchkey_sealer', 'postgres'].map(becoming),
    ...schema,
  ],
  reviewer: [
    ...['audit_event', ...seal].flatMap(changes),
    ...seal.map((table) => `INSERT INTO ${table} DEFAULT VALUES`),
    recording,
    'SELECT FROM desk_session',
    ...['latchkey_owner', 'latchkey_app', 'latchkey_sealer', 'postgres'].map(becoming),
    ...schema,
  ],
  notary: [
    ...['audit_event', ...seal].flatMap(changes),
    recording,
    'SELECT FROM upstream_pace',
    'SELECT FROM rate_limit_count',
    'SELECT FROM desk_session',
    ...['latchkey_owner', 'latchkey_app', 'latchkey_auditor', 'postgres'].map(becoming),
    ...schema,
  ],
  migrator: [
    ...['audit_event', ...seal].flatMap(changes),
    "SET session_replication_role = 'replica'",
    becoming('postgres'),
    'CREATE ROLE x SUPERUSER',
  ],
} as const;
