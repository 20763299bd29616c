import { customerIdSchema, setupSchema } from './script.js';
import type { CustomerSetup, CustomerState, ScriptedEndpoint, Step } from './script.js';

/** A customer as the bank has them now; `script` is what is left of it. */
export interface Customer {
  readonly state: CustomerState;
  readonly script: readonly Step[];
}

/** The bank's customers, for the bank itself, the control endpoint and tests. */
export interface Customers {
  /** @throws ZodError where id, state or script is malformed */
  set(customerId: string, setup: CustomerSetup): Customer;
  /** @returns null where the bank does not know the customer */
  get(customerId: string): Customer | null;
  list(): ReadonlyMap<string, Customer>;
  /** Puts a customer back to the start: as by default, or unknown again. */
  reset(customerId: string): void;
  /** Uses up the next step scripted for this call; null where the bank is to behave. */
  takeStep(customerId: string, endpoint: ScriptedEndpoint): Step | null;
  /** A token call names no customer: the first step of anybody is used up. */
  takeTokenStep(): Step | null;
  /** @returns whether the customer was locked */
  unlock(customerId: string): boolean;
  lock(customerId: string): void;
}

/** @throws ZodError where a setup is malformed */
export function createCustomers(initial: Readonly<Record<string, CustomerSetup>>): Customers {
  const parse = (setup: CustomerSetup): Customer => setupSchema.parse(setup);
  const beginnings = new Map(Object.entries(initial).map(([id, setup]) => [customerIdSchema.parse(id), parse(setup)]));
  const customers = new Map(beginnings);

  const change = (customerId: string, state: Partial<CustomerState>): boolean => {
    const before = customers.get(customerId);
    if (before === undefined) return false;
    customers.set(customerId, { ...before, state: { ...before.state, ...state } });
    return before.state.locked;
  };

  const takeStep = (customerId: string, endpoint: ScriptedEndpoint): Step | null => {
    const customer = customers.get(customerId);
    const step = customer?.script.find(({ on }) => on === endpoint);
    if (customer === undefined || step === undefined) return null;
    if (step.times === 'always') return step;
    const left = step.times > 1 ? [{ ...step, times: step.times - 1 }] : [];
    customers.set(customerId, { ...customer, script: customer.script.flatMap((other) => (other === step ? left : [other])) });
    return step;
  };

  return {
    set(customerId, setup) {
      const customer = parse(setup);
      customers.set(customerIdSchema.parse(customerId), customer);
      return customer;
    },
    get: (customerId) => customers.get(customerId) ?? null,
    list: () => new Map(customers),
    reset(customerId) {
      const beginning = beginnings.get(customerId);
      if (beginning === undefined) customers.delete(customerId);
      else customers.set(customerId, beginning);
    },
    takeStep,
    takeTokenStep() {
      for (const customerId of customers.keys()) {
        const step = takeStep(customerId, 'token');
        if (step !== null) return step;
      }
      return null;
    },
    unlock: (customerId) => change(customerId, { locked: false, failedLoginCount: 0 }),
    lock: (customerId) => void change(customerId, { locked: true }),
  };
}
