"""The morphable head: model, camera, pose and the bundled assets."""
