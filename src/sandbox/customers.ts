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

/** What became of a customer in an earlier life of the sandbox. */
export interface CustomerChange {
  readonly customerId: string;
  readonly becomes: Customer | 'as_at_first' | 'unlocked';
}

interface Memory {
  /** In the order in which they came. */
  readonly kept?: readonly CustomerChange[];
  /** Told of each change but one: who is unlocked is told by the call that did it. */
  readonly noted?: (customerId: string, customer: Customer | null) => void;
}

/** @throws ZodError where a setup is malformed */
export function createCustomers(
  initial: Readonly<Record<string, CustomerSetup>>,
  { kept = [], noted = () => undefined }: Memory = {},
): Customers {
  const parse = (setup: CustomerSetup): Customer => setupSchema.parse(setup);
  const beginnings = new Map(Object.entries(initial).map(([id, setup]) => [customerIdSchema.parse(id), parse(setup)]));
  const customers = new Map(beginnings);
  const forget = (customerId: string): void => {
    const beginning = beginnings.get(customerId);
    if (beginning === undefined) customers.delete(customerId);
    else customers.set(customerId, beginning);
  };
  const put = (customerId: string, customer: Customer): void => {
    customers.set(customerId, customer);
    noted(customerId, customer);
  };
  const withState = (customer: Customer, state: Partial<CustomerState>): Customer => ({
    ...customer,
    state: { ...customer.state, ...state },
  });

  const unlock = (customerId: string): boolean => {
    const before = customers.get(customerId);
    if (before === undefined) return false;
    customers.set(customerId, withState(before, { locked: false, failedLoginCount: 0 }));
    return before.state.locked;
  };
  for (const { customerId, becomes } of kept) {
    if (becomes === 'as_at_first') forget(customerId);
    else if (becomes === 'unlocked') unlock(customerId);
    else customers.set(customerId, becomes);
  }

  const takeStep = (customerId: string, endpoint: ScriptedEndpoint): Step | null => {
    const customer = customers.get(customerId);
    const step = customer?.script.find(({ on }) => on === endpoint);
    if (customer === undefined || step === undefined) return null;
    if (step.times === 'always') return step;
    const left = step.times > 1 ? [{ ...step, times: step.times - 1 }] : [];
    put(customerId, { ...customer, script: customer.script.flatMap((other) => (other === step ? left : [other])) });
    return step;
  };

  return {
    set(customerId, setup) {
      const customer = parse(setup);
      put(customerIdSchema.parse(customerId), customer);
      return customer;
    },
    get: (customerId) => customers.get(customerId) ?? null,
    list: () => new Map(customers),
    reset(customerId) {
      forget(customerId);
      noted(customerId, null);
    },
    takeStep,
    takeTokenStep() {
      for (const customerId of customers.keys()) {
        const step = takeStep(customerId, 'token');
        if (step !== null) return step;
      }
      return null;
    },
    unlock,
    lock(customerId) {
      const before = customers.get(customerId);
      if (before !== undefined) put(customerId, withState(before, { locked: true }));
    },
  };
}
