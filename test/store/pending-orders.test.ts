import { expect, test } from 'vitest';
import { SettingsError } from '../../src/base/errors.ts';
import { PendingOrders } from '../../src/store/pending-orders.ts';

const sent = () => true;

test('each answer goes to whoever gave the order, in whatever order they come', async () => {
  const orders = new PendingOrders();
  const ids: number[] = [];
  const asked = ['a', 'b'].map(() =>
    orders.ask((id) => {
      ids.push(id);
      return true;
    }),
  );
  const [first = 0, second = 0] = ids;
  orders.answered({ id: second, value: 'two' });
  orders.answered({ id: first, value: 'one' });
  orders.answered({ id: 99, value: 'nobody has asked' });
  expect(await Promise.all(asked)).toEqual(['one', 'two']);
});

test('a fault is an error; one that an operator can mend names its problems', async () => {
  const orders = new PendingOrders();
  const plain = orders.ask(sent);
  const named = orders.ask(sent);
  const problems = [{ code: 'x', path: 'store', message: 'full' }];
  orders.answered({ id: 1, fault: { message: 'broken' } });
  orders.answered({ id: 2, fault: { message: 'full', problems } });
  await expect(plain).rejects.toThrow('broken');
  await expect(named).rejects.toBeInstanceOf(SettingsError);
});

test('none waits for ever: those under way and those that come later are rejected once nobody answers', async () => {
  const orders = new PendingOrders();
  await expect(orders.ask(() => false)).rejects.toThrow('the store is closed');
  const waiting = orders.ask(sent);
  orders.end(new Error('the thread failed'));
  orders.end(new Error('the store is closed'));
  await expect(waiting).rejects.toThrow('the thread failed');
  await expect(orders.ask(sent)).rejects.toThrow('the thread failed');
});

test('an answer that who asked cannot take fails that order, and nothing else of who brings it', async () => {
  const orders = new PendingOrders();
  const take = (): void => {
    throw new TypeError('of another version');
  };
  const asked = orders.ask(sent, take);
  const other = orders.ask(sent);
  orders.answered({ id: 1, value: 'unknown' });
  orders.answered({ id: 2, value: 'two' });
  await expect(asked).rejects.toThrow('of another version');
  expect(await other).toBe('two');
});
