import { expectTypeOf, test } from 'vitest';
import type { BindingStore } from '../../src/registrar/ports.ts';
import type { Stores } from '../../src/store/index.ts';

test('the stores fit the port of the registrar', () => {
  expectTypeOf<Stores['bindings']>().toExtend<BindingStore>();
});
