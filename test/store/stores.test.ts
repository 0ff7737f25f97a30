import { expectTypeOf, test } from 'vitest';
import type { BindingStore } from '../../src/registrar/ports.ts';
import type { NodeSettings } from '../../src/settings/node-schema.ts';
import type { StoreLocation, Stores } from '../../src/store/index.ts';

test('the stores fit the port of the registrar, and are opened with a node’s settings', () => {
  expectTypeOf<Stores['bindings']>().toExtend<BindingStore>();
  expectTypeOf<NodeSettings['store']>().toExtend<StoreLocation>();
});
