// Who may import whom: one line a room, as the architecture page has it. What is not allowed here is forbidden.
const rooms = [
  { room: 'domain', path: '^src/domain/', may: [] },
  { room: 'workflows', path: '^workflows/', may: [], mayAsTypes: ['^src/domain/', '^activities/contract\\.ts$'] },
  {
    room: 'activities',
    path: '^activities/',
    may: ['^src/domain/', '^src/upstream/', '^src/audit/', '^src/proof/', '^src/publication/', '^src/webhooks/'],
  },
  { room: 'proof', path: '^src/proof/', may: [] },
  { room: 'publication', path: '^src/publication/', may: ['^src/outbound/'] },
  { room: 'outbound', path: '^src/outbound/', may: ['^src/domain/'] },
  { room: 'webhooks', path: '^src/webhooks/', may: ['^src/outbound/'] },
  { room: 'upstream', path: '^src/upstream/', may: ['^src/domain/', '^src/outbound/'] },
  { room: 'audit', path: '^src/audit/', may: ['^src/domain/', '^src/proof/', '^src/package-folder\\.ts$', '^generated/'] },
  { room: 'evidence', path: '^src/evidence/', may: ['^src/domain/', '^src/proof/', '^src/package-folder\\.ts$'] },
  {
    room: 'temporal',
    path: '^src/temporal/',
    may: ['^src/domain/', '^src/proof/canonical-json\\.ts$'],
    mayAsTypes: ['^workflows/', '^activities/contract\\.ts$'],
  },
  {
    room: 'http',
    path: '^src/http/',
    may: ['^src/domain/', '^src/audit/', '^src/proof/', '^src/evidence/', '^src/temporal/'],
    mayAsTypes: ['^src/outbound/'],
  },
  { room: 'tracing', path: '^src/tracing/', may: [], mayAsTypes: ['^src/temporal/tracing\\.ts$', '^workflows/traced\\.ts$'] },
  {
    room: 'web',
    path: '^src/web/',
    may: ['^src/domain/', '^src/http/', '^src/proof/', '^src/package-folder\\.ts$'],
    mayAsTypes: ['^src/audit/desk-sessions\\.ts$', '^src/outbound/'],
  },
  { room: 'metrics', path: '^src/metrics/', may: ['^src/domain/'] },
  { room: 'sandbox', path: '^src/sandbox/', may: ['^src/domain/'] },
  { room: 'local', path: '^src/local/', may: ['^src/domain/'] },
  {
    room: 'config',
    path: '^src/(config|settings|institutions|webhook-file|host-rules|secret-files|setting-files)\\.ts$',
    may: ['^src/domain/', '^src/outbound/public-address\\.ts$', '^src/webhooks/signature\\.ts$'],
  },
];

const ours = '^(src|workflows|activities|generated|test|scripts)/';

const betweenRooms = rooms.flatMap(({ room, path, may, mayAsTypes = [] }) => [
  {
    name: `${room}-imports-only-its-table`,
    severity: 'error',
    from: { path },
    to: { path: ours, pathNot: [path, ...may, ...mayAsTypes] },
  },
  ...(mayAsTypes.length === 0
    ? []
    : [
        {
          name: `${room}-imports-types-only`,
          severity: 'error',
          from: { path },
          to: { path: mayAsTypes, dependencyTypesNot: ['type-only'] },
        },
      ]),
]);

const temporalPackages = 'node_modules/@temporalio/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...betweenRooms,
    {
      name: 'domain-knows-no-node',
      comment: 'The domain is pure: nothing of Node, no package.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev'] },
    },
    {
      name: 'workflows-know-only-temporal',
      comment: 'What workflows import becomes workflow code and must keep replaying.',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev'], pathNot: 'node_modules/@temporalio/(workflow|common)/' },
    },
    {
      name: 'activities-know-no-other-temporal',
      severity: 'error',
      from: { path: '^activities/' },
      to: { path: temporalPackages, pathNot: 'node_modules/@temporalio/(activity|common)/' },
    },
    {
      name: 'upstream-and-audit-know-no-temporal',
      severity: 'error',
      from: { path: '^src/(upstream|webhooks|audit|http|web|metrics|sandbox)/' },
      to: { path: temporalPackages },
    },
    {
      name: 'one-way-out',
      comment: 'What Latchkey calls by itself it calls through outbound: pinned, bounded, without redirects.',
      severity: 'error',
      from: { path: '^(src|workflows|activities)/', pathNot: '^src/(outbound|sandbox|local)/' },
      to: { path: '^(node:)?(https|http2)$|node_modules/undici/' },
    },
    {
      name: 'nobody-imports-cli',
      severity: 'error',
      from: { pathNot: '^(src/cli|test)/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'embedded-parts-load-lazily',
      comment: 'Production never loads them: only the composition root does, and only when it needs them.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/(sandbox|local)/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    },
    {
      name: 'tracing-loads-lazily',
      comment: 'Without tracing nothing of the SDK is loaded.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/' },
      to: { path: '^src/tracing/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    },
    {
      name: 'sdk-of-opentelemetry-in-tracing-alone',
      severity: 'error',
      from: { path: '^(src|workflows|activities)/', pathNot: '^src/tracing/' },
      to: { path: 'node_modules/(@opentelemetry/(?!api/)|@temporalio/interceptors-opentelemetry/|@prisma/instrumentation-contract/)' },
    },
    {
      name: 'spans-are-made-at-the-doors',
      comment: 'Where a request comes in and where the bank is called; what lies between is seen by Temporal and Prisma.',
      severity: 'error',
      from: { path: '^(src|workflows|activities)/', pathNot: '^src/(http|upstream|tracing)/' },
      to: { path: 'node_modules/@opentelemetry/api/' },
    },
    {
      name: 'product-needs-no-dev-package',
      severity: 'error',
      from: { path: '^(src|workflows|activities)/', pathNot: '^src/(sandbox|local)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'nothing-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^generated/'] },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs'], exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
};
