// Mutation tests of what refuses: npm run test:mutation, which judges the survivors.
export default {
  mutate: ['src/http/auth.ts', 'src/http/issuer-keys.ts', 'src/domain/classification.ts', 'src/cli/redaction.ts'],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  jest: { projectType: 'custom', configFile: 'jest.mutation.config.mjs', enableFindRelatedTests: false },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // Beyond it a mutant counts as found out: a busy machine must not pass for that.
  timeoutMS: 30_000,
  reporters: ['clear-text', 'json'],
  jsonReporter: { fileName: '.latchkey/mutation.json' },
  tempDirName: '.latchkey/stryker',
};
