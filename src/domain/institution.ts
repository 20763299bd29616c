/** Thrown where something is asked for an institution that this deployment does not serve. */
export class UnknownInstitutionError extends Error {
  override readonly name = 'UnknownInstitutionError';

  constructor() {
    super('this deployment does not serve that institution');
  }
}
