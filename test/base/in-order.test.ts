import { expect, test } from 'vitest';
import { InOrder } from '../../src/base/in-order.ts';

test('work that takes its time is followed by what came meanwhile, in order; work that is done at once is run at once', () => {
  const order = new InOrder();
  const ran: string[] = [];
  let finish = () => {};
  order.run((done) => {
    ran.push('first');
    done();
  });
  order.run((done) => {
    ran.push('second');
    finish = done;
  });
  for (const name of ['third', 'fourth'])
    order.run((done) => {
      ran.push(name);
      done();
    });
  expect(ran).toEqual(['first', 'second']);
  finish();
  expect(ran).toEqual(['first', 'second', 'third', 'fourth']);
  order.run((done) => {
    ran.push('fifth');
    done();
  });
  expect(ran.at(-1)).toBe('fifth');
});

test('work that is given by work waits for it', () => {
  const order = new InOrder();
  const ran: number[] = [];
  order.run((done) => {
    order.run((next) => {
      ran.push(2);
      next();
    });
    ran.push(1);
    done();
  });
  expect(ran).toEqual([1, 2]);
});

test('work that throws, at once or behind what it waited for, keeps no other from its turn', () => {
  const order = new InOrder();
  const ran: string[] = [];
  const fail = (): never => {
    throw new Error('a bug');
  };
  let finish = () => {};
  order.run((done) => {
    finish = done;
  });
  order.run(fail);
  order.run((done) => {
    ran.push('next');
    done();
  });
  expect(finish).toThrow('a bug');
  expect(() => order.run(fail)).toThrow('a bug');
  order.run(() => ran.push('last'));
  expect(ran).toEqual(['next', 'last']);
});
