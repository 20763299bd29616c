// Mutation tests of what refuses: npm run test:mutation, which runs this for one file after the other.
export default {
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  jest: { projectType: 'custom', configFile: 'jest.mutation.config.mjs', enableFindRelatedTests: false },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // Every run leaves modules in memory for good.
  maxTestRunnerReuse: 40,
  // Beyond it a mutant counts as found out: a busy machine must not pass for that.
  timeoutMS: 30_000,
  reporters: ['json'],
  tempDirName: '.latchkey/stryker',
};
