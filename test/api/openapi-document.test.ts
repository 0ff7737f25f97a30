import { describe, expect, test } from 'vitest';
import { made, named } from '../../src/api/openapi.ts';
import { Shapes } from '../../src/api/openapi-document.ts';

describe('shapes of a document', () => {
  test('a shape is in full where its name comes first, and by its name alone after that', () => {
    const shapes = new Shapes();
    const [first, second] = shapes.expand([named('Health'), named('Health')]);
    expect(first).toMatchObject({ 'x-schema': 'Health', type: 'object' });
    expect(second).toEqual({ 'x-schema': 'Health' });
  });

  test('a shape within a shape is made too', () => {
    const outer = made('Outer', () => ({ type: 'object', properties: { health: named('Health') } }));
    expect(new Shapes().expand(outer)).toMatchObject({ properties: { health: { type: 'object' } } });
  });

  test('two shapes of one name are refused, the same one made twice is not', () => {
    const shapes = new Shapes();
    shapes.expand(made('Thing', () => ({ type: 'object' })));
    expect(shapes.expand(made('Thing', () => ({ type: 'object' })))).toEqual({ 'x-schema': 'Thing' });
    expect(() => shapes.expand(made('Thing', () => ({ type: 'array' })))).toThrow('two shapes are called Thing');
  });
});
