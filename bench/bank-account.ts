/** As what the bank and its issuer know their caller. */
export const bankAccount = {
  institutionId: 'bench-bank',
  audience: 'latchkey',
  clientId: 'latchkey',
  clientSecret: 'bench-secret',
} as const;
