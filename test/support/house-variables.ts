const names = {
  templateDatabaseUrl: 'LATCHKEY_TEST_TEMPLATE_DATABASE_URL',
  temporalAddress: 'LATCHKEY_TEST_TEMPORAL_ADDRESS',
  workflowBundle: 'LATCHKEY_TEST_WORKFLOW_BUNDLE',
} as const;

/** The environment variables by which the house tells the test files where its parts are. */
export const houseVariables = names;

/** @throws where the house did not set it: the test was not started through Jest, or that part is not there */
export function fromHouse(part: keyof typeof names): string {
  const value = process.env[names[part]];
  if (value === undefined) throw new Error(`${names[part]} is not set: run the tests through npm test`);
  return value;
}
