import Journal
import Projection
print("stub")
