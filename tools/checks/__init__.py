"""The rules of a chapter, other versions, mutations, and pictures of the pages."""
