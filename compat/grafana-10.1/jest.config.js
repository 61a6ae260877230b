const path = require('path');

module.exports = {
  ...require('../../jest.config'),
  rootDir: path.resolve(__dirname, '../..'),
  resolver: path.join(__dirname, 'resolver.js'),
};
