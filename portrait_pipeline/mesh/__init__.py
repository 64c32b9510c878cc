"""What any triangle mesh needs: geometry, Laplacians, rays, texels, rendering, OBJ and glTF. No faces."""
