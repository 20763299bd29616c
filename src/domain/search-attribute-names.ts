/** The search attributes by which operators find an unlock; names and types as Temporal registers them. */
export const searchAttributeTypes = {
  CorrelationId: 'KEYWORD',
  InstitutionId: 'KEYWORD',
  CustomerRef: 'KEYWORD',
  UnlockOutcome: 'KEYWORD',
  UnlockAttempts: 'INT',
} as const;
