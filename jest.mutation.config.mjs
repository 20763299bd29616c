import jest from './jest.config.mjs';

// What Stryker runs against each mutant: tests that need no server, looked for where they are alone, since it looks anew for every mutant.
const config = {
  ...jest,
  roots: ['<rootDir>/src', '<rootDir>/test/unit', '<rootDir>/test/support'],
};
delete config.globalSetup;
delete config.globalTeardown;

export default config;
